"""Empty stand-ins for repositories that Bazel 4.2.3 loads although this build uses nothing of them.

Python rules resolve toolchains through @bazel_tools, which loads @rules_cc and @rules_java, and
tests want @remote_coverage_tools. Bazel would download all three; `bazel coverage` is lost.
"""

def _shim_repository_impl(repository_ctx):
    for path, content in repository_ctx.attr.files.items():
        repository_ctx.file(path, content, executable = False)

_shim_repository = repository_rule(
    implementation = _shim_repository_impl,
    attrs = {"files": attr.string_dict(doc = "path -> content")},
)

def _native_rules(names):
    return "".join([
        "def {name}(**attrs):\n    native.{name}(**attrs)\n\n".format(name = name)
        for name in names
    ])

_RULES_CC = _native_rules([
    "cc_binary",
    "cc_import",
    "cc_library",
    "cc_proto_library",
    "cc_test",
    "cc_toolchain",
    "cc_toolchain_suite",
    "fdo_prefetch_hints",
    "fdo_profile",
    "objc_library",
])

_RULES_JAVA = _native_rules([
    "java_binary",
    "java_import",
    "java_library",
    "java_lite_proto_library",
    "java_package_configuration",
    "java_plugin",
    "java_proto_library",
    "java_runtime",
    "java_test",
    "java_toolchain",
])

_COVERAGE_TOOLS = """
filegroup(
    name = "coverage_report_generator",
    visibility = ["//visibility:public"],
)
"""

# Python rules demand a C++ toolchain and never use it.
_NO_CPP = """
load(":toolchain.bzl", "no_cpp_toolchain")

no_cpp_toolchain(name = "empty")

toolchain(
    name = "toolchain",
    toolchain = ":empty",
    toolchain_type = "@bazel_tools//tools/cpp:toolchain_type",
)
"""

_NO_CPP_TOOLCHAIN = """
def _no_cpp_toolchain_impl(ctx):
    return [platform_common.ToolchainInfo()]

no_cpp_toolchain = rule(implementation = _no_cpp_toolchain_impl)
"""

def bazel_shims():
    """Declares the stand-ins under the names that Bazel loads them by."""
    _shim_repository(
        name = "rules_cc",
        files = {"BUILD": "", "cc/BUILD": "", "cc/defs.bzl": _RULES_CC},
    )
    _shim_repository(
        name = "rules_java",
        files = {"BUILD": "", "java/BUILD": "", "java/defs.bzl": _RULES_JAVA},
    )
    _shim_repository(
        name = "remote_coverage_tools",
        files = {"BUILD": _COVERAGE_TOOLS},
    )
    _shim_repository(
        name = "tandem_no_cpp",
        files = {"BUILD": _NO_CPP, "toolchain.bzl": _NO_CPP_TOOLCHAIN},
    )
