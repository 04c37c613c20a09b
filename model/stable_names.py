"""Stable names: a SavedModel's file that depends on neither the folder nor the process that wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable

import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2, node_def_pb2
from tensorflow.core.protobuf import fingerprint_pb2, meta_graph_pb2, saved_model_pb2, saved_object_graph_pb2
from tensorflow.python.saved_model.fingerprinting_utils import write_fingerprint  # Seen in TensorFlow 2.16 and 2.21.

_NUMBERS = re.compile(r"(_[0-9]+)+$")
# An argument of a loop's condition that only the loop's body uses, such as `while_cond_4800___redundant_placeholder0`.
_UNUSED_ARGUMENT = re.compile(r"_[0-9]+___redundant_placeholder")
_ARGUMENT_NAME = "_user_specified_name"


def stabilize_names(directory: str) -> None:
    """Rewrites `saved_model.pb` and `fingerprint.pb`, so that equal models are equal files.

    TensorFlow numbers functions with a counter of the whole process, which is another one after a training that was
    resumed, and names tables after the paths of their files. Here both are numbered in the order of their use.

    Args:
        directory: The SavedModel's folder.
    """
    path = f"{directory}/saved_model.pb"
    with tf.io.gfile.GFile(path, "rb") as file:
        saved_model = saved_model_pb2.SavedModel.FromString(file.read())
    for meta_graph in saved_model.meta_graphs:
        _rename_functions(meta_graph)
        _rename_tables(meta_graph)
        _rename_arguments(meta_graph)
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(saved_model.SerializeToString(deterministic=True))
    write_fingerprint(directory)
    _remove_random_id(f"{directory}/fingerprint.pb")


def _rename_functions(meta_graph: meta_graph_pb2.MetaGraphDef) -> None:
    library = meta_graph.graph_def.library
    order = _functions_in_order_of_use(meta_graph)
    names = {name: f"{_NUMBERS.sub('', name)}_{index}" for index, name in enumerate(order)}
    position = {name: index for index, name in enumerate(order)}
    library.function.sort(key=lambda function: position[function.signature.name])

    def renamed(name: str) -> str:
        return names.get(name, name)

    for function in library.function:
        function.signature.name = renamed(function.signature.name)
    for gradient in library.gradient:
        gradient.function_name = renamed(gradient.function_name)
        gradient.gradient_func = renamed(gradient.gradient_func)
    for registered in library.registered_gradients:
        registered.gradient_func = renamed(registered.gradient_func)
    for node in _nodes(meta_graph):
        node.op = renamed(node.op)
        for called in _called(node):
            called.name = renamed(called.name)
    _rename_objects(meta_graph.object_graph_def, names)
    aliases = meta_graph.meta_info_def.function_aliases
    renamed_aliases = {renamed(name): alias for name, alias in aliases.items()}
    aliases.clear()
    aliases.update(renamed_aliases)


def _functions_in_order_of_use(meta_graph: meta_graph_pb2.MetaGraphDef) -> list[str]:
    """Returns the names of all functions in the order in which the graph, then the Python objects, use them."""
    bodies = {function.signature.name: function.node_def for function in meta_graph.graph_def.library.function}
    # A dictionary, since it keeps the order.
    order: dict[str, None] = {}
    waiting = [iter([name for node in meta_graph.graph_def.node for name in _used(node)])]
    waiting.append(iter([name for node in meta_graph.object_graph_def.nodes for name in _functions_of_object(node)]))
    waiting.append(iter(sorted(bodies)))
    waiting.reverse()
    while waiting:
        name = next(waiting[-1], None)
        if name is None:
            waiting.pop()
        elif name in bodies and name not in order:
            order[name] = None
            waiting.append(iter([used for node in bodies[name] for used in _used(node)]))
    return list(order)


def _rename_objects(graph: saved_object_graph_pb2.SavedObjectGraph, names: dict[str, str]) -> None:
    """Renames functions in the graph of Python objects."""
    functions = saved_object_graph_pb2.SavedObjectGraph()
    for name, function in graph.concrete_functions.items():
        functions.concrete_functions[names.get(name, name)].CopyFrom(function)
    graph.concrete_functions.clear()
    graph.MergeFrom(functions)
    for node in graph.nodes:
        kind = node.WhichOneof("kind")
        if kind == "function":
            node.function.concrete_functions[:] = [names.get(name, name) for name in node.function.concrete_functions]
        elif kind == "bare_concrete_function":
            bare = node.bare_concrete_function
            bare.concrete_function_name = names.get(bare.concrete_function_name, bare.concrete_function_name)
        elif kind == "captured_tensor":
            captured = node.captured_tensor
            captured.concrete_function = names.get(captured.concrete_function, captured.concrete_function)


def _functions_of_object(node: saved_object_graph_pb2.SavedObject) -> list[str]:
    """Returns the functions that an object has."""
    kind = node.WhichOneof("kind")
    if kind == "function":
        return list(node.function.concrete_functions)
    return [node.bare_concrete_function.concrete_function_name] if kind == "bare_concrete_function" else []


def _rename_tables(meta_graph: meta_graph_pb2.MetaGraphDef) -> None:
    names: dict[bytes, bytes] = {}
    for node in _nodes(meta_graph):
        # Variables keep their names, which errors of TensorFlow show. Looking an attribute up would add it.
        named = node.op.startswith("HashTable") and "shared_name" in node.attr
        name = node.attr["shared_name"].s if named else b""
        if name:
            node.attr["shared_name"].s = names.setdefault(name, b"table_%d" % len(names))


def _rename_arguments(meta_graph: meta_graph_pb2.MetaGraphDef) -> None:
    """Removes numbers from the names of arguments that nobody named; TensorFlow takes a counter of the process."""
    for function in meta_graph.graph_def.library.function:
        for argument in function.signature.input_arg:
            # Nothing refers to an unused argument.
            argument.name = _UNUSED_ARGUMENT.sub("___redundant_placeholder", argument.name)
        for attributes in function.arg_attr.values():
            if _ARGUMENT_NAME in attributes.attr and attributes.attr[_ARGUMENT_NAME].s.isdigit():
                del attributes.attr[_ARGUMENT_NAME]


def _nodes(meta_graph: meta_graph_pb2.MetaGraphDef) -> Iterable[node_def_pb2.NodeDef]:
    """Yields the nodes of the graph and of all functions."""
    yield from meta_graph.graph_def.node
    for function in meta_graph.graph_def.library.function:
        yield from function.node_def


def _called(node: node_def_pb2.NodeDef) -> Iterable[attr_value_pb2.NameAttrList]:
    """Yields the functions among a node's attributes."""
    for _, attribute in sorted(node.attr.items()):
        kind = attribute.WhichOneof("value")
        if kind == "func":
            yield attribute.func
        elif kind == "list":
            yield from attribute.list.func


def _used(node: node_def_pb2.NodeDef) -> list[str]:
    return [node.op, *(called.name for called in _called(node))]


def _remove_random_id(path: str) -> None:
    """Removes the random number that newer TensorFlows write to each fingerprint; nothing reads it."""
    with tf.io.gfile.GFile(path, "rb") as file:
        fingerprint = fingerprint_pb2.FingerprintDef.FromString(file.read())
    if "uuid" in fingerprint.DESCRIPTOR.fields_by_name:
        fingerprint.ClearField("uuid")
        with tf.io.gfile.GFile(path, "wb") as file:
            file.write(fingerprint.SerializeToString(deterministic=True))
