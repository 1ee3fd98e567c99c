defmodule Shop.MixProject do
  use Mix.Project

  def project do
    [
      app: :shop,
      # The same code is built as 1.0.0 and as 2.0.0, so that there is something to upgrade to.
      version: System.get_env("SHOP_VERSION", "1.0.0"),
      elixir: "~> 1.14",
      start_permanent: Mix.env() == :prod,
      elixirc_paths: if(Mix.env() == :test, do: ["lib", "test/support"], else: ["lib"]),
      deps: [],
      # The tests start nodes of their own, each with its own port and counter.
      aliases: [test: "test --no-start"],
      releases: [shop: release(System.get_env("SHOP_RELEASE", "mix"))]
    ]
  end

  defp release("mix"), do: [rel_templates_path: "rel/mix"] ++ release()

  # The same release behind a start script in the manner of Distillery.
  defp release("distillery"),
    do: [rel_templates_path: "rel/distillery", overlays: "rel/distillery/overlay"] ++ release()

  # The same release as one that starts its distribution itself and brings an EPMD module of its own.
  defp release("own-epmd"), do: [rel_templates_path: "rel/own-epmd"] ++ release()

  # Booting twice, so that kernel settings in runtime.exs count too, is what makes a release write to
  # RELEASE_TMP at boot: whoever runs this image has to provide for it.
  defp release, do: [include_executables_for: [:unix], reboot_system_after_config: true]

  def application do
    # ssl is there for distribution over TLS, runtime_tools for whoever looks in with a remote shell.
    [mod: {Shop.Application, []}, extra_applications: [:logger, :runtime_tools, :ssl]]
  end
end
