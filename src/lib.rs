//! darkroom.
