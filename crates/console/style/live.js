// Keeps the page as new as the journal. Without it the page is the same, and is loaded again by hand.
"use strict";
(() => {
  const said = document.getElementById("line");
  if (!("live" in document.body.dataset) || !window.EventSource) return;
  let shown = document.body.dataset.entries, busy = false, again = false, heard = Date.now();
  const age = (ms) => {
    const s = Math.floor((Date.now() - ms) / 1000);
    if (s < -5) return "in the future: a clock is wrong";
    if (s < 60) return Math.max(s, 0) + " s ago";
    if (s < 3600) return Math.floor(s / 60) + " min ago";
    if (s < 172800) return Math.floor(s / 3600) + " h " + Math.floor(s / 60) % 60 + " min ago";
    return Math.floor(s / 86400) + " days ago";
  };
  const renew = async () => {
    if (busy) { again = true; return; }
    if (document.activeElement && document.activeElement.matches("input,textarea,select")) {
      said.textContent = "There are newer entries: load the page again.";
      return;
    }
    busy = true;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
      if (!answer.ok) { location.reload(); return; }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of ["main", "#age"]) {
        const fresh = page.querySelector(part), old = document.querySelector(part);
        if (fresh && old) old.replaceWith(document.adoptNode(fresh));
      }
      shown = page.body.dataset.entries;
      said.textContent = "";
    } catch (_) {
      said.textContent = "The console does not answer: what you see gets old.";
    } finally {
      busy = false;
      if (again) { again = false; renew(); }
    }
  };
  const open = () => {
    const line = new EventSource("/live");
    line.addEventListener("entries", (event) => {
      heard = Date.now();
      const [entries, harm] = event.data.split(" ");
      const banner = document.querySelector("[role=alert].banner") !== null;
      const looked = document.getElementById("looked");
      if (looked && !harm) looked.dataset.since = String(heard);
      if (said.textContent.startsWith("The console does not")) said.textContent = "";
      if (Boolean(harm) !== banner) location.reload();
      else if (entries !== shown) renew();
    });
    line.onerror = () => {
      said.textContent = "The console does not answer: what you see gets old.";
      if (line.readyState === EventSource.CLOSED) setTimeout(open, 5000);
    };
  };
  open();
  setInterval(() => {
    for (const one of document.querySelectorAll("[data-since]")) one.textContent = age(Number(one.dataset.since));
    if (Date.now() - heard > 25000) said.textContent = "The console does not answer: what you see gets old.";
  }, 1000);
})();
