//! Chunk store.
