import { mount } from "svelte";
import "../lib/style/tokens.css";
import "../lib/style/base.css";
import "../lib/theme.svelte";
import App from "./App.svelte";
import { register } from "./worker";

const target = document.getElementById("app");
if (target !== null) mount(App, { target });
register();
