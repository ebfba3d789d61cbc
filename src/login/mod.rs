//! A sign-in under way: asked in `start`, answered in `finish` (SKELETON).

pub mod ask;
pub mod endpoints;
pub mod return_to;
