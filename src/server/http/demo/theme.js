// The theme that was chosen, set before anything is painted. Nothing else is ever stored.
{
  const KEY = "vestibule-theme";
  const { dataset } = document.documentElement;
  // A browser may forbid storage: the choice then lasts as long as the page.
  try {
    const chosen = localStorage.getItem(KEY);
    if (chosen === "light" || chosen === "dark") dataset.theme = chosen;
  } catch {}
  document.addEventListener("theme", ({ detail }) => {
    if (detail === "system") delete dataset.theme;
    else dataset.theme = detail;
    try {
      localStorage.setItem(KEY, detail);
    } catch {}
  });
}
