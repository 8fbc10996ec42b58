package config

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

func recorded(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/config.data.json")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func recordedConfig(t testing.TB) *Config {
	t.Helper()
	c, err := FromGaneti(recorded(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// plain decodes JSON with numbers as they are written, as far as 5 and 5.0 are the same.
func plain(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestGanetisConfigurationSurvivesTheRoundTrip(t *testing.T) {
	c := recordedConfig(t)
	out, err := c.Ganeti()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := plain(t, out), plain(t, recorded(t)); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %s\nwant %s", out, recorded(t))
	}
	if errs := c.Validate(); errs != nil {
		t.Errorf("Validate of a real configuration: %v", errs)
	}
}

func TestAbsentIsNullInGanetisConfiguration(t *testing.T) {
	data := bytes.Replace(recorded(t), []byte(`"mac": "aa:00:00:4c:53:4c"`), []byte(`"mac": "aa:00:00:4c:53:4c", "ip": null, "network": null`), 1)
	if bytes.Equal(data, recorded(t)) {
		data = bytes.Replace(recorded(t), []byte(`"mac":"aa:00:00:4c:53:4c"`), []byte(`"mac":"aa:00:00:4c:53:4c","ip":null,"network":null`), 1)
	}
	c, err := FromGaneti(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c.Instances, recordedConfig(t).Instances) {
		t.Error("null attributes made a difference")
	}
}

func TestAnUnknownAttributeIsNotLostSilently(t *testing.T) {
	data := bytes.Replace(recorded(t), []byte(`"master_netdev"`), []byte(`"netdev_of_tomorrow": 1, "master_netdev"`), 1)
	if _, err := FromGaneti(data); err == nil || !strings.Contains(err.Error(), "netdev_of_tomorrow") {
		t.Errorf("FromGaneti = %v, want an error that names the attribute", err)
	}
}

func TestReservationsCannotGoBackToGaneti(t *testing.T) {
	c := recordedConfig(t)
	c.Reservations = []*Reservation{{Job: 7, Name: "web"}}
	if _, err := c.Ganeti(); err == nil || !strings.Contains(err.Error(), "job 7") {
		t.Errorf("Ganeti() = %v, want a refusal that names job 7", err)
	}
}

func TestACloneSharesNothing(t *testing.T) {
	c := recordedConfig(t)
	before, err := c.Ganeti()
	if err != nil {
		t.Fatal(err)
	}
	scribble(reflect.ValueOf(c.Clone()).Elem())
	after, err := c.Ganeti()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("changing a clone changed the original")
	}
}

// scribble overwrites all that can be reached.
func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			scribble(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				scribble(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			scribble(v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			scribble(v.Index(i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			if e := v.MapIndex(k); e.Kind() == reflect.Map {
				scribble(e)
			}
			v.SetMapIndex(k, reflect.Zero(v.Type().Elem()))
		}
	case reflect.String:
		v.SetString("scribbled")
	case reflect.Int, reflect.Int64:
		v.SetInt(-1)
	case reflect.Float64:
		v.SetFloat(-1)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Interface:
		v.Set(reflect.ValueOf("scribbled"))
	}
}

func TestObjectsThatAreNotThereAreRefused(t *testing.T) {
	for want, data := range map[string]string{
		"node with the UUID 'a' is null":                      `{"version": 3000000, "nodes": {"a": null}}`,
		"node group with the UUID 'a' is null":                `{"version": 3000000, "nodegroups": {"a": null}}`,
		"instance 'web' is indexed by wrong UUID 'a'":         `{"version": 3000000, "instances": {"a": {"uuid": "b", "name": "web"}}}`,
		"disk 'a' has a child that is null":                   `{"version": 3000000, "disks": {"a": {"uuid": "a", "children": [null]}}}`,
		"version 2160000, and only 3.0 (3000000) can be conv": `{"version": 2160000}`,
	} {
		if _, err := FromGaneti([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("FromGaneti(%s) = %v, want %q", data, err, want)
		}
	}
}
