//! Layers: whatever needs nothing lies at the bottom, and rings do not hang.

use super::*;
use crate::layers;

#[test]
fn layers_stand_on_what_they_need_and_rings_do_not_hang() {
    let estate = read_toml("[service.a]\nneeds.hard = [\"b\"]\n[service.b]\nneeds.soft = [\"c\"]\n[service.c]\nneeds.hard = [\"a\"]\n[service.d]\nneeds.order = [\"a\", \"nobody\"]\n").estate;
    let layers = layers::of(&estate);
    assert_eq!(layers.left_out.len(), 1);
    let of = |name: &str| layers.of[&format!("service:{name}").parse().unwrap()];
    assert_eq!((of("c"), of("b"), of("a"), of("d")), (0, 1, 2, 3));
    assert_eq!(layers::depth(&estate), 4);
    assert_eq!(layers::depth(&crate::Estate::default()), 0);
}
