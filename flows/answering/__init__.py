"""Pages and questions in; accepted answers, or the reason why there is none, in the tables out."""
