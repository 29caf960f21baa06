"""What every kind of backend must do, as one table: rows are situations and abilities, columns are the kinds.

fault_rows.py     what may go wrong, and the error it must become; on canned servers, fast
healthy_rows.py   what must go right; on the real model, or on a live server
cannot.py         what a kind can't do, with the reason; whoever asks for it all the same gets an error
rigs.py           how each kind is brought into a situation
stands.py         how each kind gets a real model
"""
