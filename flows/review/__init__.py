"""An output folder comes in; a local web app for the person who has to sign goes out, and a report of one file. `server` leads."""
