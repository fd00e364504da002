// Keyboard shortcuts of the buttons that control a run: Streamlit's own show in their labels, and menus take none.

const KEYS = {f: 'fit', p: 'pause', e: 'step', s: 'stop', w: 'reset'};
let keysAreOn = false;

const enterMenu = tries => requestAnimationFrame(() => {
  const first = document.querySelector('[role=menu] [role=menuitem]');
  if (first) first.focus(); else if (tries) enterMenu(tries - 1);
});

export function keys() {
  if (keysAreOn) return;
  keysAreOn = true;
  document.addEventListener('keydown', event => {
    const name = KEYS[event.key.toLowerCase()], on = event.target;
    const isTyping = on.isContentEditable || on.closest?.('textarea, select, [role=menu], [role=listbox]')
      || on.matches?.('input:not([type=range]):not([type=checkbox]):not([type=radio])');
    if (!name || isTyping || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector('[role=dialog]')) return;
    const button = document.querySelector(`.st-key-${name} button`);
    if (!button || button.disabled) return;
    event.preventDefault();
    button.focus();
    button.click();
    if (name === 'step') enterMenu(20);
  });
}

export function leave() {}                                         // the shortcuts stay as long as the page
