package lab

func (c config) openMirror(world int) error { return nil }

const MirrorURL = "http://" + Outside + ":3142/debian"
