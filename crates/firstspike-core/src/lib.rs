//! Kernel of firstspike.
