//! entragate
