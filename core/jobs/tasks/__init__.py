"""What a job of each kind does: the store on one side, training and diagnosis on the other."""
