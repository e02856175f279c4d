"""What may be spent and what was: budgets, spending of days and months, and the balance of the account."""
