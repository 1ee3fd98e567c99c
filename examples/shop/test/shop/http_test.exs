defmodule Shop.HttpTest do
  use ExUnit.Case

  alias Shop.{TestClient, TestNode}

  setup_all do
    {:ok, port: TestNode.port(TestNode.start(2))}
  end

  setup %{port: port} do
    {:ok, socket: TestClient.connect(port)}
  end

  defp exchange(socket, request) do
    TestClient.send(socket, request)
    TestClient.response(socket)
  end

  test "describes the node", %{socket: socket} do
    {200, headers, body} = exchange(socket, "GET / HTTP/1.1\r\nHost: shop\r\n\r\n")

    assert headers["content-type"] == "application/json"
    assert body =~ ~s("node":"shop@127.0.0.2")
    assert body =~ ~s("peers":[])
    assert body =~ ~s("version":"#{Shop.version()}")
    assert body =~ ~s("otp_release":"#{:erlang.system_info(:otp_release)}")
    assert body =~ ~r/"counter":\d+/
  end

  test "counts on POST and reads on GET, on one connection", %{socket: socket} do
    {200, _, before} = exchange(socket, "GET /count HTTP/1.1\r\nHost: shop\r\n\r\n")
    [count] = Regex.run(~r/\d+/, before)

    body = "a=b"

    post =
      "POST /count HTTP/1.1\r\nHost: shop\r\nContent-Length: #{byte_size(body)}\r\n\r\n#{body}"

    {200, headers, after_post} = exchange(socket, post)

    assert headers["connection"] == "keep-alive"
    assert after_post == ~s({"counter":#{String.to_integer(count) + 1}})
    assert {200, _, ^after_post} = exchange(socket, "GET /count HTTP/1.1\r\nHost: shop\r\n\r\n")
  end

  test "answers pipelined requests in order", %{socket: socket} do
    TestClient.send(socket, [
      "GET /health HTTP/1.1\r\nHost: shop\r\n\r\n",
      "POST /count HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\n\r\nxy",
      "GET /nowhere HTTP/1.1\r\nHost: shop\r\n\r\n"
    ])

    assert {200, _, ~s({"status":"alive"})} = TestClient.response(socket)
    assert {200, _, ~s({"counter") <> _} = TestClient.response(socket)
    assert {404, _, _} = TestClient.response(socket)
  end

  test "tells liveness and readiness", %{socket: socket} do
    assert {200, _, _} = exchange(socket, "GET /health HTTP/1.1\r\nHost: shop\r\n\r\n")
    assert {200, _, _} = exchange(socket, "GET /health/ready HTTP/1.1\r\nHost: shop\r\n\r\n")
  end

  test "reads a request that comes in pieces", %{socket: socket} do
    for piece <- [
          "POST /co",
          "unt HTTP/1.1\r\nHo",
          "st: shop\r\nContent-Length: 4\r\n\r\nab",
          "cd"
        ] do
      TestClient.send(socket, piece)
      Process.sleep(20)
    end

    assert {200, _, _} = TestClient.response(socket)
    assert {200, _, _} = exchange(socket, "GET /?page=2 HTTP/1.1\r\nHost: shop\r\n\r\n")
  end

  test "asks for a body that waits to be asked for", %{socket: socket} do
    TestClient.send(socket, [
      "POST /count HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    ])

    assert {:ok, "HTTP/1.1 100 Continue\r\n\r\n"} = :gen_tcp.recv(socket, 25, 1_000)
    assert {200, _, _} = exchange(socket, "ok")
  end

  test "answers HEAD without a body", %{socket: socket} do
    TestClient.send(socket, "HEAD / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
    {200, headers} = TestClient.head(socket)

    assert String.to_integer(headers["content-length"]) > 0
    assert TestClient.closed?(socket)
  end

  test "closes when asked to, and after HTTP/1.0", %{port: port} do
    for request <- [
          "GET /health HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n",
          "GET /health HTTP/1.0\r\n\r\n"
        ] do
      socket = TestClient.connect(port)
      assert {200, %{"connection" => "close"}, _} = exchange(socket, request)
      assert TestClient.closed?(socket)
    end

    socket = TestClient.connect(port)
    persistent = "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    assert {200, %{"connection" => "keep-alive"}, _} = exchange(socket, persistent)
    assert {200, _, _} = exchange(socket, persistent)
  end

  test "names the methods of a path that has others", %{socket: socket} do
    assert {405, %{"allow" => "GET, HEAD"}, _} =
             exchange(socket, "DELETE / HTTP/1.1\r\nHost: shop\r\n\r\n")

    assert {405, %{"allow" => "GET, HEAD, POST"}, _} =
             exchange(socket, "PUT /count HTTP/1.1\r\nHost: shop\r\n\r\n")
  end

  test "refuses what it cannot read, and closes", %{port: port} do
    many = String.duplicate("X-Header: 1\r\n", 120)

    for {status, request} <- [
          {400, "nonsense\r\n\r\n"},
          {400, "GET / HTTP/1.1\r\n\r\n"},
          {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
          {400, "POST /count HTTP/1.1\r\nHost: shop\r\nContent-Length: -1\r\n\r\n"},
          {400,
           "POST /count HTTP/1.1\r\nHost: shop\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"},
          {413, "POST /count HTTP/1.1\r\nHost: shop\r\nContent-Length: 9999999\r\n\r\n"},
          {431, "GET / HTTP/1.1\r\nHost: shop\r\n#{many}\r\n"},
          {501, "POST /count HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n"},
          {505, "GET / HTTP/2.0\r\nHost: shop\r\n\r\n"}
        ] do
      socket = TestClient.connect(port)
      assert {^status, %{"connection" => "close"}, _} = exchange(socket, request)
      assert TestClient.closed?(socket)
    end
  end

  test "reads a refused request to its end, so that the answer arrives", %{socket: socket} do
    TestClient.send(
      socket,
      "POST /count HTTP/1.1\r\nHost: shop\r\nContent-Length: 2000000\r\n\r\n"
    )

    for _ <- 1..20 do
      TestClient.send(socket, String.duplicate("x", 100_000))
      Process.sleep(5)
    end

    assert {413, _, _} = TestClient.response(socket)
  end

  test "hangs up on a line that does not end", %{port: port} do
    for start <- ["GET /", "GET / HTTP/1.1\r\nHost: shop\r\nX-Long: "] do
      socket = TestClient.connect(port)
      TestClient.send(socket, [start, String.duplicate("x", 10_000)])
      assert {:error, reason} = :gen_tcp.recv(socket, 0, 5_000)
      assert reason in [:closed, :econnreset]
    end
  end

  test "serves a hundred clients at once", %{port: port} do
    statuses =
      1..100
      |> Enum.map(fn _ ->
        Task.async(fn ->
          socket = TestClient.connect(port)
          for _ <- 1..10, do: exchange(socket, "POST /count HTTP/1.1\r\nHost: shop\r\n\r\n")
        end)
      end)
      |> Task.await_many(30_000)
      |> List.flatten()
      |> Enum.map(&elem(&1, 0))

    assert Enum.frequencies(statuses) == %{200 => 1_000}
  end
end
