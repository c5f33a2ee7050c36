// Command consul of the test bed: the agent alone.
//
// Problem: Consul's own main package needs parts of its tree that are not published as modules, so it cannot be built
// from them. A test starts agents and speaks HTTP to them, which is all that is here.
package main

import (
	"fmt"
	"os"

	"github.com/hashicorp/consul/command/agent"
	"github.com/hashicorp/consul/command/cli"
	mitchellh "github.com/mitchellh/cli"
)

func main() {
	ui := &cli.BasicUI{BasicUi: mitchellh.BasicUi{Writer: os.Stdout, ErrorWriter: os.Stderr}}
	if len(os.Args) < 2 || os.Args[1] != "agent" {
		fmt.Fprintln(os.Stderr, "usage: consul agent [options]")
		os.Exit(2)
	}
	os.Exit(agent.New(ui).Run(os.Args[2:]))
}
