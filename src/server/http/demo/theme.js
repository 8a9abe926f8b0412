// Sets the theme that was chosen before anything is painted. Nothing else is ever stored.
{
  const chosen = localStorage.getItem("vestibule-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
