//! Where a cut is made: the doors to the world, the estate, the folder; and which door of a site an act is about.

use std::path::Path;

use estate::model::{Door, Estate};
use incident::event::CutAct;
use world::World;

/// Where the work is done: the doors, the estate, and the folder that takes the output of commands.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub world: &'a dyn World,
    pub estate: &'a Estate,
    pub folder: &'a Path,
}

pub(crate) fn find_door<'e>(estate: &'e Estate, act: &CutAct) -> Option<&'e Door> {
    match act {
        CutAct::CloseDoor { site, door } => {
            estate.sites.get(site)?.doors.iter().find(|known| known.name == *door)
        }
        CutAct::StopService { .. } => None,
    }
}
