// Keeps every element with data-live up to date by fetching its own part of the page again.
for (const part of document.querySelectorAll("[data-live]")) {
  const stale = document.getElementById("stale");
  const refresh = async () => {
    try {
      const answer = await fetch(part.dataset.live, { headers: { accept: "text/html" }, redirect: "manual" });
      if (answer.type === "opaqueredirect" || answer.status === 401) return location.assign("/signin");
      if (!answer.ok) throw new Error(answer.statusText);
      part.innerHTML = await answer.text();
      stale.hidden = true;
    } catch {
      stale.hidden = false; // the server is away; the next round tries again
    }
    setTimeout(refresh, Number(part.dataset.every));
  };
  setTimeout(refresh, Number(part.dataset.every));
}
