"""From a publication to what is owed for it, in one transaction. Reading order: intake, choosing, receipts."""
