package balance

import (
	"fmt"
	"slices"
	"strings"
)

// Graph connects nodes that may not be rebooted at the same time. Vertices run from the lowest to the highest index of the
// nodes asked for; those in between that were not asked for have no edges.
type Graph struct {
	first  int
	edges  [][]int // neighbours by vertex, repeated edges and loops included, the last one first
	around []int   // where neighbors puts its answer
}

type edge [2]int

// NewGraph connects the nodes of each mirrored instance and, if primaries fail over to their secondaries meanwhile, also all
// primaries of instances that share a secondary. It returns nil if there are no nodes.
func NewGraph(selected, all NodeList, instances []*Instance, failovers bool) *Graph {
	first, last := -1, -1
	for k, n := range selected {
		if n != nil {
			if first < 0 {
				first = k
			}
			last = k
		}
	}
	if first < 0 {
		return nil
	}
	g := &Graph{first: first, edges: make([][]int, last-first+1)}
	edges := mirrorEdges(instances)
	if failovers {
		edges = withShared(edges, all, instances)
	}
	for _, e := range edges {
		if selected[e[0]] != nil && selected[e[1]] != nil {
			g.edges[e[0]-first] = append(g.edges[e[0]-first], e[1])
		}
	}
	for _, list := range g.edges {
		slices.Reverse(list)
	}
	return g
}

func mirrorEdges(instances []*Instance) []edge {
	var list []edge
	for _, i := range instances {
		if i.Mirrored() && i.Secondary != None {
			list = append(list, edge{i.Primary, i.Secondary}, edge{i.Secondary, i.Primary})
		}
	}
	return list
}

// withShared adds the edges of instances that share a secondary, those that are not there yet; repetitions stay.
func withShared(list []edge, all NodeList, instances []*Instance) []edge {
	seen := map[edge]bool{}
	for _, e := range list {
		seen[e] = true
	}
	for _, n := range all.Present() {
		for _, a := range n.sec {
			for _, b := range n.sec {
				e := edge{instances[a].Primary, instances[b].Primary}
				if !seen[e] {
					seen[e] = true
					list = append(list, e)
				}
			}
		}
	}
	return list
}

// Show prints the graph as the reference shows the array.
func (g *Graph) Show(firstIndex int) string {
	parts := make([]string, len(g.edges))
	for v, list := range g.edges {
		shown := make([]int, len(list))
		for k, w := range list {
			shown[k] = w + firstIndex
		}
		parts[v] = fmt.Sprintf("(%d,%s)", v+g.first+firstIndex, showInts(shown))
	}
	low := g.first + firstIndex
	return fmt.Sprintf("array (%d,%d) [%s]", low, low+len(g.edges)-1, strings.Join(parts, ","))
}

// Coloring assigns the vertices to colours, so that no two neighbours have the same.
type Coloring struct {
	Algorithm string
	Classes   [][]int // vertices by colour, ascending
}

// Colorings colours the graph with each algorithm: largest first, by saturation, by coloured degree.
func (g *Graph) Colorings() []Coloring {
	return []Coloring{
		{"LF", g.classes(g.largestFirst())},
		{"Dsatur", g.classes(g.dynamic(distinct))},
		{"Dcolor", g.classes(g.dynamic(func(colors []int) int { return len(colors) }))},
	}
}

// Smallest is the first of the colourings with the fewest colours.
func Smallest(list []Coloring) Coloring {
	return slices.MinFunc(list, func(a, b Coloring) int { return len(a.Classes) - len(b.Classes) })
}

const uncolored = -1

func (g *Graph) blank() []int {
	colors := make([]int, len(g.edges))
	for v := range colors {
		colors[v] = uncolored
	}
	return colors
}

// neighbors are the colours around a vertex, with repetitions. The list is good until they are asked for again.
func (g *Graph) neighbors(v int, colors []int) []int {
	list := g.around[:0]
	for _, w := range g.edges[v] {
		if c := colors[w-g.first]; c != uncolored {
			list = append(list, c)
		}
	}
	g.around = list
	return list
}

func (g *Graph) paint(v int, colors []int) {
	taken := g.neighbors(v, colors)
	color := 0
	for slices.Contains(taken, color) {
		color++
	}
	colors[v] = color
}

// largestFirst colours vertices by degree, from the largest to the smallest; of equal ones the last comes first.
func (g *Graph) largestFirst() []int {
	order := make([]int, len(g.edges))
	for v := range order {
		order[v] = v
	}
	slices.SortStableFunc(order, func(a, b int) int { return len(g.edges[a]) - len(g.edges[b]) })
	colors := g.blank()
	for _, v := range slices.Backward(order) {
		g.paint(v, colors)
	}
	return colors
}

func distinct(colors []int) int {
	slices.Sort(colors)
	return len(slices.Compact(colors))
}

// dynamic colours next the last vertex with the largest weight of the colours around it and, among equals, the largest
// degree.
func (g *Graph) dynamic(weight func(colors []int) int) []int {
	colors := g.blank()
	for range g.edges {
		best, bestWeight := -1, 0
		for v := range g.edges {
			if colors[v] != uncolored {
				continue
			}
			w := weight(g.neighbors(v, colors))
			if best < 0 || w > bestWeight || (w == bestWeight && len(g.edges[v]) >= len(g.edges[best])) {
				best, bestWeight = v, w
			}
		}
		g.paint(best, colors)
	}
	return colors
}

func (g *Graph) classes(colors []int) [][]int {
	var classes [][]int
	for v, c := range colors {
		for len(classes) <= c {
			classes = append(classes, nil)
		}
		classes[c] = append(classes[c], v+g.first)
	}
	return classes
}

// Statistics prints how many colours each algorithm needed, the fewest first.
func Statistics(list []Coloring) string {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b Coloring) int { return len(b.Classes) - len(a.Classes) })
	var b strings.Builder
	for k, c := range slices.Backward(sorted) {
		if k < len(sorted)-1 {
			if len(c.Classes) == len(sorted[k+1].Classes) {
				b.WriteString(" TIE ")
			} else {
				b.WriteString(" LOOSE ")
			}
		}
		sizes := make([]string, len(c.Classes))
		for j, class := range c.Classes {
			sizes[j] = fmt.Sprint(len(class))
		}
		fmt.Fprintf(&b, "%s: %d (%s)", c.Algorithm, len(c.Classes), strings.Join(sizes, ","))
	}
	return b.String()
}
