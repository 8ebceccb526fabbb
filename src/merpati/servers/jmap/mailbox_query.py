"""Mailbox/query (RFC 8621 2.3): which mailboxes, in which order, perhaps as a tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from merpati.servers.jmap import filters
from merpati.servers.jmap.mailbox_view import View, ancestors
from merpati.store.mailbox_tree import Node


def found(
    view: View, filter_: Any, sort: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]
) -> list[int]:
    """The numbers of the mailboxes that match, in order."""
    objects = {node.id: view.object(node, None) for node in view.visible()}
    matching = {id_ for id_, one in objects.items() if filters.matches(one, filter_, _meets)}
    if arguments["filterAsTree"]:
        matching = {id_ for id_ in matching if ancestors(view.tree, id_) <= matching}
    if arguments["sortAsTree"]:
        return _tree_order(view.tree, matching, objects, sort)
    paths = {id_: _names(view.tree, objects, id_) for id_ in objects}
    return _sorted(list(matching), objects, paths, sort)


def _meets(one: Mapping[str, Any], name: str, value: Any) -> bool:
    if name == "name":
        return value.casefold() in one["name"].casefold()
    if name == "hasAnyRole":
        return bool((one["role"] is not None) == value)
    return bool(one[name] == value)


def _names(tree: dict[int, Node], objects: dict[int, dict[str, Any]], id_: int) -> list[str]:
    """The names from the top down to a mailbox, folded."""
    names = []
    while id_ in objects:
        names.append(objects[id_]["name"].casefold())
        id_ = tree[id_].parent_id
    return names[::-1]


def _order(
    one: dict[str, Any], path: list[str], sort: Sequence[Mapping[str, Any]]
) -> tuple[Any, ...]:
    values = {"sortOrder": one["sortOrder"], "name": one["name"].casefold(), "parentId": path[:-1]}
    return tuple(values[comparator["property"]] for comparator in sort)


def _sorted(
    ids: list[int],
    objects: dict[int, dict[str, Any]],
    paths: dict[int, list[str]],
    sort: Sequence[Mapping[str, Any]],
) -> list[int]:
    ids.sort()
    for comparator in reversed(sort):
        ids.sort(
            key=lambda id_: _order(objects[id_], paths[id_], [comparator]),
            reverse=not comparator["isAscending"],
        )
    return ids


def _tree_order(
    tree: dict[int, Node],
    matching: set[int],
    objects: dict[int, dict[str, Any]],
    sort: Sequence[Mapping[str, Any]],
) -> list[int]:
    """Each mailbox before its children, siblings in the order asked for."""
    children: dict[int, list[int]] = {}
    for id_ in objects:
        parent = tree[id_].parent_id
        children.setdefault(parent if parent in objects else 0, []).append(id_)
    paths = {id_: _names(tree, objects, id_) for id_ in objects}
    ordered: list[int] = []
    waiting = [_sorted(children.get(0, []), objects, paths, sort)[::-1]]
    while waiting:
        if not waiting[-1]:
            waiting.pop()
            continue
        id_ = waiting[-1].pop()
        if id_ in matching:
            ordered.append(id_)
        waiting.append(_sorted(children.get(id_, []), objects, paths, sort)[::-1])
    return ordered
