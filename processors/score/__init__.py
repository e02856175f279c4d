"""Labels of people and answers from the tables in; how right each field is out. `answers` leads."""
