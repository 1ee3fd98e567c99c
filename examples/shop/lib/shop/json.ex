defmodule Shop.Json do
  @moduledoc "Writes JSON. OTP 27 brings its own; this is what OTP 25 needs."

  @spec encode(term()) :: iodata()
  def encode(nil), do: "null"
  def encode(value) when is_boolean(value), do: Atom.to_string(value)
  def encode(value) when is_integer(value), do: Integer.to_string(value)
  def encode(value) when is_atom(value), do: value |> Atom.to_string() |> encode()
  def encode(value) when is_binary(value), do: [?", for(<<c::utf8 <- value>>, do: char(c)), ?"]
  def encode(value) when is_list(value), do: [?[, joined(value, &encode/1), ?]]
  def encode(value) when is_map(value), do: [?{, joined(Enum.sort(value), &member/1), ?}]

  defp member({key, value}), do: [encode(to_string(key)), ?:, encode(value)]

  defp joined(values, encode), do: values |> Enum.map(encode) |> Enum.intersperse(?,)

  defp char(?"), do: ~S(\")
  defp char(?\\), do: ~S(\\)

  defp char(c) when c < 0x20,
    do: ["\\u", c |> Integer.to_string(16) |> String.pad_leading(4, "0")]

  defp char(c), do: <<c::utf8>>
end
