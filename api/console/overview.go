package console

func showOverview(v *visit) error {
	return v.page(nil)
}
