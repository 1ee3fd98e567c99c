defmodule Shop.Epmd do
  @moduledoc """
  Stands in for EPMD, as `-epmd_module`: every node listens on the one port that all have in common.

  The port is that of `-kernel inet_dist_listen_min`. The callbacks are those of `:erl_epmd`.
  """

  # The version of the distribution protocol since OTP 23.
  @version 6

  @doc "Starts the distribution as `node`, unless there is nothing to start it as."
  @spec start(String.t() | nil) :: :ok
  def start(nil), do: :ok

  def start(node) do
    {:ok, _pid} = node |> String.to_atom() |> Node.start(:longnames)
    :ok
  end

  # There is nobody to register with, and so nothing to supervise.
  def start_link, do: :ignore

  # -1 leaves it to the VM to tell this node from an earlier one of the same name.
  def register_node(name, port), do: register_node(name, port, :inet)
  def register_node(_name, _port, _family), do: {:ok, -1}

  def port_please(name, host), do: port_please(name, host, :infinity)
  def port_please(_name, _host, _timeout), do: {:port, port(), @version}

  # The default decides where this node itself listens.
  defdelegate listen_port_please(name, host), to: :erl_epmd
  defdelegate address_please(name, host, family), to: :erl_epmd
  def names(_host), do: {:error, :address}

  defp port, do: Application.fetch_env!(:kernel, :inet_dist_listen_min)
end
