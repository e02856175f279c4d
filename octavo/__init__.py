"""The name under which all is imported and installed. The code is in the three folders beside this one, linked here."""
