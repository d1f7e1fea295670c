"""The only room that touches ERPNext's documents: one file per DocType, named after it."""
