"""What is wrong or doubtful in a prompt folder, as findings with a place and a rule."""
