package iallocator

import (
	"errors"

	"gantry/lib/balance"
	"gantry/lib/balance/jsondata"
)

// storageKey is the key, added to Ganeti's, under which nodes say what they have of each kind of storage, a list of objects
// with kind, total and free, and disks what they take, an object of kinds and sizes.
const storageKey = "storage_kinds"

func kinds(v jsondata.Value) ([]balance.Kind, error) {
	list, err := jsondata.AsList(jsondata.AsRecord)(v)
	if err != nil {
		return nil, err
	}
	var kinds []balance.Kind
	for _, record := range list {
		f := &fields{record: record, what: "invalid storage"}
		kind := balance.Kind{Name: get(f, "kind", jsondata.AsString), Total: get(f, "total", jsondata.AsInt), Free: get(f, "free", jsondata.AsInt)}
		if f.err != nil {
			return nil, f.err
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

// readNeeds adds up what disks take. If one does not say, nothing is known.
func readNeeds(disks jsondata.Value, what string) (needs []balance.Need, err error) {
	list, err := records(disks)
	if err != nil {
		return nil, err
	}
	for _, record := range list {
		if !record.Has(storageKey) {
			return nil, nil
		}
		f := &fields{record: record, what: what}
		for _, m := range get(f, storageKey, jsondata.AsRecord) {
			size, err := jsondata.AsInt(m.Value)
			if err == nil && size < 0 {
				err = errors.New("a disk of negative size")
			}
			f.note(annotate(what, err))
			needs = append(needs, balance.Need{Kind: m.Name, MiB: size})
		}
		if f.err != nil {
			return nil, f.err
		}
	}
	return needs, nil
}
