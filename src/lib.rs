//! The beam-operator library.
