"""A button that copies the URL of the page, which holds every setting of the form."""

import streamlit as st

SCRIPT = r"""
export default function ({data, parentElement: root}) {
  let button = root.querySelector('button');
  if (!button) {
    button = Object.assign(document.createElement('button'), {type: 'button', className: 'fitdash-copy'});
    root.append(button);
  }
  const say = words => { button.textContent = words; };
  const old = text => {                                   // without https the browser has no clipboard API
    const field = Object.assign(document.createElement('textarea'), {value: text});
    document.body.append(field);
    field.select();
    const done = document.execCommand('copy');
    field.remove();
    if (!done) throw new Error('not allowed');
  };
  button.title = data.title;
  button.onclick = async () => {
    const address = new URL(location.href);
    address.searchParams.delete('run');
    try {
      if (navigator.clipboard) await navigator.clipboard.writeText(address.href); else old(address.href);
      say('Copied');
    } catch { say('Copy the address bar'); }
    setTimeout(() => say(data.label), 2000);
  };
  if (!button.textContent) say(data.label);
}
"""
CSS = """
.fitdash-copy { font: inherit; font-size: 0.85rem; color: inherit; background: none; cursor: pointer;
  border: 1px solid var(--st-border-color); border-radius: 0.5rem; padding: 0.15rem 0.6rem; }
.fitdash-copy:hover { border-color: var(--st-primary-color); color: var(--st-primary-color); }
"""
_mount = st.components.v2.component("fitdash_copy_link", js=SCRIPT, css=CSS, isolate_styles=False)


def copy_link() -> None:
    """Draws the button; the URL that it copies leaves out the run that is shown."""
    title = "The link holds every setting that is not at its default; another browser that opens it has the same plan."
    _mount(key="copy_link", data={"label": "Copy link", "title": title})
