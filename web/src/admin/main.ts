import { mount } from "svelte";
import "../lib/style/tokens.css";
import "../lib/style/base.css";
import "./admin.css";
import "../lib/theme.svelte";
import App from "./App.svelte";

const target = document.getElementById("app");
if (target !== null) mount(App, { target });
