"""The form: every argument of fit, compile, network and data as a widget."""
