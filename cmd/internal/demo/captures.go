package demo

func (g *generator) writeCaptures(string) error { return nil }
