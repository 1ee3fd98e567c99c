defmodule Shop.ApplicationTest do
  use ExUnit.Case

  alias Shop.TestNode

  test "SHOP_CRASH=boot keeps the application from starting" do
    node = TestNode.boot(2)
    :ok = TestNode.call(node, Application, :put_env, [:shop, :crash, "boot"])

    assert {:error, {:shop, {:bad_return, {_start, {:EXIT, {error, _stack}}}}}} =
             TestNode.call(node, Application, :ensure_all_started, [:shop])

    assert Exception.message(error) == "SHOP_CRASH=boot"
  end

  test "SHOP_CRASH=mixed ends a node that meets another version, and no other" do
    [one, same, other] = for last <- [2, 3, 4], do: TestNode.start(last, crash: "mixed")
    TestNode.connect(one, same)
    refute TestNode.eventually(fn -> TestNode.peers(one) == [] end, 10)

    monitor = Process.monitor(other.peer)
    Process.unlink(other.peer)
    met = {:version, :"shop@127.0.0.9", "0.0.0"}
    TestNode.call(other, Kernel, :send, [Shop.Versions, met])
    assert_receive {:DOWN, ^monitor, :process, _pid, _reason}, 5_000
  end

  test "SHOP_LEAK takes more and more memory" do
    node = TestNode.start(2, leak: 20)

    assert TestNode.eventually(fn -> TestNode.call(node, :erlang, :memory, [:binary]) > 5_000_000 end)
    assert :ready = TestNode.call(node, Shop.Readiness, :state)
  end

  test "SHOP_FLOOD has messages wait" do
    node = TestNode.start(2, flood: 5_000)

    lengths =
      for pid <- TestNode.call(node, :erlang, :processes, []) do
        TestNode.call(node, :erlang, :process_info, [pid, :message_queue_len])
      end

    assert {:message_queue_len, 5_000} in lengths
    assert :ready = TestNode.call(node, Shop.Readiness, :state)
  end

  test "SHOP_READY=never keeps the node from being ready" do
    node = TestNode.start(2, ready: "never")

    assert {:not_ready, "SHOP_READY=never"} = TestNode.call(node, Shop.Readiness, :state)
  end
end
