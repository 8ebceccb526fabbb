// Rows of a list dragged onto folders, within this page.
import type { Id } from "../lib/jmap/types";

export const DRAG_TYPE = "application/x-merpati-rows";
export const dragged: { account: Id; from: Id; rows: Id[] } = { account: "", from: "", rows: [] };
