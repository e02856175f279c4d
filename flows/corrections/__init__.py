"""What people say about values goes in; tables in which it stands come out. `settle` leads."""
