//! The RAM flash model. (Written next.)
