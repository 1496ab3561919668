//! The only assembler.
