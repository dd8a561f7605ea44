//! Many hosts at once, each in its own time: who answers late holds up only what waits for him.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

/// More at once gain nothing: a person reads what comes of it, and each is a process.
const AT_ONCE_MAX: usize = 64;

/// Does `work` for each of `0..count`, and `each` here with what comes of it, in the order in which it comes. The first
/// fault of `each` ends taking in; what is under way ends all the same.
pub fn side_by_side<T: Send, F>(
    count: usize,
    work: impl Fn(usize) -> T + Sync,
    mut each: impl FnMut(usize, T) -> Result<(), F>,
) -> Result<(), F> {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (sender, inbox) = channel();
        for _ in 0..count.min(AT_ONCE_MAX) {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count || sender.send((at, work(at))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        inbox.into_iter().try_for_each(|(at, came)| each(at, came))
    })
}
