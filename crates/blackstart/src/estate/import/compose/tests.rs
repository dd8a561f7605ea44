//! Compose projects as people write them, and as an enemy would.
