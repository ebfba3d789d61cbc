//! Futures beside the work of a connection that are asked only when they have called.
//!
//! A connection's task is woken for each request. What stands beside it there, the time for headers and the end of the
//! gate, hardly ever has something to say, and asking it each time takes a lock and two looks at wakers.

use futures_util::task::AtomicWaker;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A future that is polled at first and then only after it was woken itself, whatever woke the task.
pub(super) struct Seldom<F> {
    future: Pin<Box<F>>,
    call: Arc<Call>,
    waker: Waker,
    /// Whom the call wakes, to see when that changes.
    registered: Option<Waker>,
}

struct Call {
    called: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.called.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl<F: Future> Seldom<F> {
    pub(super) fn new(future: F) -> Self {
        let call = Arc::new(Call { called: AtomicBool::new(true), task: AtomicWaker::new() });
        let waker = Waker::from(Arc::clone(&call));
        Self { future: Box::pin(future), call, waker, registered: None }
    }
}

impl<F: Future> Future for Seldom<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        // A call uses up whom it wakes. Registered before the call is looked at: one that comes between wakes the task
        // again.
        let known = this.registered.as_ref().is_some_and(|known| known.will_wake(cx.waker()));
        if known && !this.call.called.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        this.call.task.register(cx.waker());
        this.registered = Some(cx.waker().clone());
        if !this.call.called.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        this.future.as_mut().poll(&mut Context::from_waker(&this.waker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::poll_fn;
    use futures_util::task::noop_waker;
    use std::cell::Cell;
    use tokio::sync::watch;

    #[test]
    fn it_is_asked_once_and_then_only_after_it_called() {
        let asked = Cell::new(0);
        let (say, mut hear) = watch::channel(false);
        let mut hearing = Box::pin(async move { hear.wait_for(|said| *said).await.is_ok() });
        let mut seldom = Box::pin(Seldom::new(poll_fn(|cx| {
            asked.set(asked.get() + 1);
            hearing.as_mut().poll(cx)
        })));
        let mut poll = || seldom.as_mut().poll(&mut Context::from_waker(&noop_waker()));
        for _ in 0..3 {
            assert_eq!(poll(), Poll::Pending);
        }
        assert_eq!(asked.get(), 1);
        say.send(true).unwrap();
        assert_eq!(poll(), Poll::Ready(true));
        assert_eq!(asked.get(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn every_call_wakes_whoever_waits() {
        let hour = std::time::Duration::from_secs(3600);
        let calling = Seldom::new(async move {
            for _ in 0..3 {
                tokio::time::sleep(hour).await;
            }
        });
        let waiting = tokio::spawn(async move {
            tokio::select! {
                biased;
                () = std::future::pending() => {}
                () = calling => {}
            }
        });
        tokio::time::timeout(10 * hour, waiting).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn its_call_wakes_whoever_waits() {
        let (say, mut hear) = watch::channel(false);
        let waiting = tokio::spawn(Seldom::new(async move { hear.wait_for(|said| *said).await.is_ok() }));
        tokio::task::yield_now().await;
        say.send(true).unwrap();
        assert!(waiting.await.unwrap());
    }
}
