//! The line on which a browser hears that something new was recorded. It says how many entries there are, nothing else:
//! what they say is on the pages.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::as_of::AsOf;

/// Said so often if nothing happens, so that a browser knows that the line stands.
const BEAT: Duration = Duration::from_secs(10);

type Changes = watch::Receiver<Arc<AsOf>>;
type Next = Pin<Box<dyn Future<Output = Option<(Changes, Bytes)>> + Send>>;

/// Server-sent events. A reader that does not read is asked for nothing: the next is made when there is room for it, and
/// then it says what is so by then.
struct Line {
    next: Next,
    /// The place among those that may listen.
    _permit: OwnedSemaphorePermit,
}

pub(crate) fn body(mut changes: Changes, permit: OwnedSemaphorePermit) -> Body {
    changes.mark_changed();
    Body::new(Line { next: Box::pin(next(changes)), _permit: permit })
}

async fn next(mut changes: Changes) -> Option<(Changes, Bytes)> {
    match tokio::time::timeout(BEAT, changes.changed()).await {
        Ok(Err(_)) => None,
        Ok(Ok(())) | Err(_) => {
            let (entries, harm) = {
                let seen = changes.borrow_and_update();
                (seen.view.entries, seen.harm.is_some())
            };
            let event = format!("event: entries\ndata: {entries}{}\n\n", if harm { " harm" } else { "" });
            Some((changes, Bytes::from(event)))
        }
    }
}

impl HttpBody for Line {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.next.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some((changes, event))) => {
                self.next = Box::pin(next(changes));
                Poll::Ready(Some(Ok(Frame::data(event))))
            }
        }
    }
}
