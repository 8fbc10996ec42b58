package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/unit"
)

func batchCreate(c *cli.Command) {
	c.Usage("<instances.json>", "Makes the instances that a file describes")
	var op instance.MultiAlloc
	var file string
	cli.DryRun(c)
	cli.Priority(c)
	c.Flag("iallocator", "Program that chooses the nodes").Short('I').Meta("<NAME>").Complete("iallocator").NameVar(&op.IAllocator, "iallocator")
	cli.Submit(c)
	c.One("file", &file)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		definitions, err := readDefinitions(file)
		if err != nil {
			return err
		}
		for i, d := range definitions {
			one, err := definition(i, d)
			if err != nil {
				return err
			}
			op.Instances = append(op.Instances, one)
		}
		if env.Submitting() {
			return env.Submit(ctx, op)
		}
		var result instance.Submitted
		if err := env.SubmitFor(ctx, op, &result); err != nil {
			return err
		}
		return followAll(ctx, env, result)
	})
}

// readDefinitions reads a list of objects with the attributes of the operation.
func readDefinitions(file string) ([]map[string]json.RawMessage, error) {
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil, fault.Say("Can't parse the instance definition file: [Errno 2] No such file or directory: " + unit.Repr(file))
	}
	if err != nil {
		return nil, fault.Say("Can't parse the instance definition file: " + err.Error())
	}
	var list []map[string]json.RawMessage
	var wrong *json.UnmarshalTypeError
	switch err := json.Unmarshal(data, &list); {
	case errors.As(err, &wrong) || err == nil && (list == nil || slices.ContainsFunc(list, func(d map[string]json.RawMessage) bool { return d == nil })):
		return nil, fault.Say("The instance definition file is not List of Dictionary")
	case err != nil:
		return nil, fault.Say("Can't parse the instance definition file: " + unreadable(data, err))
	}
	return list, nil
}

// begins is how a value of JSON does, for Python's reader.
var begins = unit.Form(`^(?:[{["]|-?[0-9]|true|false|null|NaN|-?Infinity)`)

// unreadable words why a file is not JSON: as Python does where there is no value at all.
func unreadable(data []byte, err error) string {
	rest := bytes.TrimLeft(data, " \t\r\n")
	if begins().Match(rest) {
		return err.Error()
	}
	before := data[:len(data)-len(rest)]
	return fmt.Sprintf("Expecting value: line %d column %d (char %d)", bytes.Count(before, []byte("\n"))+1, len(before)-bytes.LastIndexByte(before, '\n'), len(before))
}

// definition makes an operation out of one object; what it does not say has the operation's default.
func definition(index int, d map[string]json.RawMessage) (instance.Create, error) {
	op := instance.NewCreate()
	if unknown := unknownFields(op, d); len(unknown) > 0 {
		return op, fault.Refuse(fault.WrongInput, "Unknown fields in definition %d: %s", index, strings.Join(unknown, ", "))
	}
	if err := checkAttributes(d); err != nil {
		return op, err
	}
	data, err := json.Marshal(d)
	if err != nil {
		return op, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&op); err != nil {
		return op, fault.Refuse(fault.WrongInput, "Definition %d: %s", index, err)
	}
	return op, op.WellFormed()
}

// unknownFields are attributes that the operation does not have.
func unknownFields(op instance.Create, d map[string]json.RawMessage) []string {
	op.OSType, op.PNode, op.SNode, op.IAllocator, op.GroupName = "x", "x", "x", "x", "x" // so that they are not left out
	op.DiskTemplate, op.FileDriver, op.FileStorageDir, op.Hypervisor = "x", "x", "x", "x"
	var known map[string]any
	if data, err := json.Marshal(op); err != nil || json.Unmarshal(data, &known) != nil {
		return nil
	}
	var unknown []string
	for name := range d {
		if _, ok := known[name]; !ok {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// followAll follows the jobs that were submitted for the instances.
func followAll(ctx context.Context, env *cli.Env, result instance.Submitted) error {
	jobs := env.Jobs()
	for _, submitted := range result.Jobs {
		if id, ok := submitted[1].(float64); ok {
			jobs.AddJob("", int(id))
		} else {
			jobs.AddRefused("", fault.Exec("%v", submitted[1]))
		}
	}
	results, err := jobs.Wait(ctx)
	if err != nil {
		return err
	}
	bad := 0
	for _, r := range results {
		if r.Err != nil {
			bad++
		}
	}
	if bad > 0 {
		env.Println("There were %s errors during the creation.", strconv.Itoa(bad))
		return fault.Status(1)
	}
	env.Println("All instances created successfully.")
	return nil
}
