defmodule Shop.EpmdTest do
  use ExUnit.Case

  test "without a name of its own the node is left as it was started" do
    assert Shop.Epmd.start(nil) == :ok
    refute Node.alive?()
  end

  test "every node is found on the one port that all listen on" do
    Application.put_env(:kernel, :inet_dist_listen_min, 13_825)
    on_exit(fn -> Application.delete_env(:kernel, :inet_dist_listen_min) end)

    assert {:port, 13_825, 6} = Shop.Epmd.port_please(~c"shop", ~c"10.0.0.1")
    assert {:port, 13_825, 6} = Shop.Epmd.port_please(~c"shop", {10, 0, 0, 2}, 5_000)
    assert {:ok, _creation} = Shop.Epmd.register_node(~c"shop", 13_825, :inet)
  end
end
