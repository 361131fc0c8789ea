"""What is owed, sent, judged and recorded. Reading order: publishing, attempts, judgement, wire, ledger, verification."""
