import { mount } from "svelte";
import App from "./App.svelte";
import "./app.css";
import { session } from "./lib/session.svelte";

void session.begin();
mount(App, { target: document.querySelector("#page")! });
