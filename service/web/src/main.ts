document.querySelector("#page")!.textContent = "x";
