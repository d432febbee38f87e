// Before anything is painted: the theme that was chosen last, if it is not the system's.
document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "system";
