defmodule Shop.JsonTest do
  use ExUnit.Case, async: true

  defp json(value), do: value |> Shop.Json.encode() |> IO.iodata_to_binary()

  test "writes what JSON has" do
    assert json(%{b: [1, -2], a: nil, c: true, d: %{}}) ==
             ~S({"a":null,"b":[1,-2],"c":true,"d":{}})

    assert json(:"shop@10.0.0.1") == ~S("shop@10.0.0.1")
    assert json("") == ~S("")
  end

  test "escapes what a string must not hold" do
    assert json(~S(a"b\c)) == ~S("a\"b\\c")
    assert json("a\nb\tcü") == ~S("a\u000Ab\u0009cü")
  end
end
